"use strict";
// One pair at a time. Everything that is shown was written into the page as text; this only turns pages and remembers.
(() => {
  const byId = (id) => document.getElementById(id);
  const sheet = byId("sheet");
  const { digest, format } = sheet.dataset;
  const markup = new RegExp(sheet.dataset.markup, "i");
  const properName = new RegExp(sheet.dataset.rater, "u");
  const pairs = [...document.querySelectorAll(".pair")];
  const marks = [...document.querySelectorAll("#map button")];
  const place = "slipway-ratings/" + digest;
  let state = { rater: "", at: 0, ratings: {} };
  let keeps = true;
  let unsaved = false;

  const remembered = () => {
    try {
      const found = JSON.parse(localStorage.getItem(place));
      if (found && typeof found.ratings === "object" && found.ratings !== null) {
        state = { rater: String(found.rater || ""), at: Number(found.at) || 0, ratings: found.ratings };
      }
    } catch { keeps = false; }
  };
  const remember = () => {
    try { localStorage.setItem(place, JSON.stringify(state)); } catch { keeps = false; }
    unsaved = true;
  };
  const say = (words, bad) => {
    byId("note").textContent = words;
    byId("note").className = bad ? "bad" : "good";
  };
  const entry = (item) => state.ratings[item] || (state.ratings[item] = { choice: "", comment: "" });
  const chosen = (item) => (state.ratings[item] || {}).choice || "";
  const rated = () => pairs.filter((_, index) => chosen(index + 1)).length;

  const draw = () => {
    pairs.forEach((pair, index) => {
      const choice = chosen(index + 1);
      pair.hidden = index !== state.at;
      pair.dataset.chosen = choice;
      for (const button of pair.querySelectorAll("[data-choice]")) {
        button.setAttribute("aria-pressed", String(button.dataset.choice === choice));
      }
    });
    marks.forEach((mark, index) => {
      mark.toggleAttribute("data-rated", Boolean(chosen(index + 1)));
      mark.setAttribute("aria-label", "Pair " + (index + 1) + (chosen(index + 1) ? ", rated" : ", not rated"));
      if (index === state.at) { mark.setAttribute("aria-current", "true"); } else { mark.removeAttribute("aria-current"); }
    });
    byId("count").textContent = rated() + " of " + pairs.length + " rated";
    byId("progress").value = rated();
    byId("before").disabled = state.at === 0;
    byId("after").disabled = state.at === pairs.length - 1;
  };
  const go = (index) => {
    state.at = Math.min(Math.max(index, 0), pairs.length - 1);
    remember();
    draw();
    pairs[state.at].querySelector("h2").focus({ preventScroll: true });
    window.scrollTo({ top: 0 });
  };
  const choose = (choice) => {
    const own = entry(state.at + 1);
    const first = !own.choice;
    own.choice = choice;
    remember();
    if (rated() === pairs.length) {
      say("All pairs are rated. Save the ratings, and hand the file in.", false);
    } else if (first) {
      say("", false);
    }
    if (first && state.at !== pairs.length - 1) { go(state.at + 1); } else { draw(); }
  };
  const open = () => {
    const later = pairs.findIndex((_, index) => index > state.at && !chosen(index + 1));
    const any = pairs.findIndex((_, index) => !chosen(index + 1));
    if (later !== -1 || any !== -1) { go(later !== -1 ? later : any); }
  };

  const fault = () => {
    if (!properName.test(state.rater)) {
      byId("rater").focus();
      return "Write your name first: letters, digits, spaces and . ' @ _ -";
    }
    if (rated() === 0) { return "Nothing is rated yet."; }
    const index = pairs.findIndex((_, at) => chosen(at + 1) && markup.test(entry(at + 1).comment));
    if (index !== -1) {
      go(index);
      return "The comment on pair " + (index + 1) + " has HTML in it, which would not be accepted: write plain text.";
    }
    return "";
  };
  const written = () => {
    const ratings = pairs.map((_, index) => index + 1).filter(chosen).map((item) => {
      const { choice, comment } = entry(item);
      return comment.trim() ? { item, choice, comment: comment.trim().slice(0, 1000) } : { item, choice };
    });
    return JSON.stringify({ format, sheet: digest, rater: state.rater, ratings }, null, 1) + "\n";
  };
  const save = () => {
    state.rater = byId("rater").value.trim().replace(/\s+/g, " ");
    const wrong = fault();
    if (wrong) { say(wrong, true); return; }
    const link = document.createElement("a");
    const name = state.rater.normalize("NFKD").replace(/\p{M}/gu, "").replace(/[^A-Za-z0-9]+/g, "-").replace(/^-+|-+$/g, "").toLowerCase();
    link.href = URL.createObjectURL(new Blob([written()], { type: "application/json" }));
    link.download = (name || "rater") + "-" + digest.slice(7, 15) + ".json";
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    remember();
    unsaved = false;
    say("Saved as " + link.download + ", with " + rated() + " of " + pairs.length + " pairs.", false);
  };

  const keys = {
    1: () => choose("Left"),
    2: () => choose("Right"),
    3: () => choose("Tie"),
    4: () => choose("BothBad"),
    ArrowLeft: () => go(state.at - 1),
    ArrowRight: () => go(state.at + 1),
    u: open,
    s: save,
    c: () => pairs[state.at].querySelector("textarea").focus(),
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) { return; }
    if (event.target.matches("input, textarea")) {
      if (event.key === "Escape") { event.target.blur(); }
      return;
    }
    const act = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (act) {
      event.preventDefault();
      act();
    }
  });
  pairs.forEach((pair, index) => {
    for (const button of pair.querySelectorAll("[data-choice]")) {
      button.addEventListener("click", () => choose(button.dataset.choice));
    }
    pair.querySelector("textarea").addEventListener("input", (event) => {
      entry(index + 1).comment = event.target.value;
      remember();
    });
  });
  marks.forEach((mark, index) => mark.addEventListener("click", () => go(index)));
  byId("before").addEventListener("click", () => go(state.at - 1));
  byId("after").addEventListener("click", () => go(state.at + 1));
  byId("save").addEventListener("click", save);
  byId("rater").addEventListener("input", (event) => { state.rater = event.target.value.trim(); remember(); });
  window.addEventListener("beforeunload", (event) => {
    if (!keeps && unsaved && rated() !== 0) { event.preventDefault(); }
  });

  remembered();
  state.at = Math.min(Math.max(Math.trunc(state.at), 0), pairs.length - 1);
  byId("rater").value = state.rater;
  pairs.forEach((pair, index) => { pair.querySelector("textarea").value = (state.ratings[index + 1] || {}).comment || ""; });
  draw();
  if (!keeps) { say("This browser keeps nothing for this page: save before you close it.", true); }
})();
