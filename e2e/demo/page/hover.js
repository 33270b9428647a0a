// A cursor over the plot: what each version got and gave at that moment.
const data = JSON.parse(document.getElementById("data").textContent);
const figure = document.getElementById("plot");
const svg = figure.querySelector("svg");
const cursor = svg.querySelector(".cursor");
const tip = figure.querySelector(".tip");
const left = +svg.dataset.left, right = +svg.dataset.right;
const clock = (s) => `${Math.floor(s / 60)} min ${String(Math.round(s % 60)).padStart(2, "0")} s`;
const nearest = (points, at) => points.reduce((a, b) => (Math.abs(b[0] - at) < Math.abs(a[0] - at) ? b : a));

function show(event) {
  const box = svg.getBoundingClientRect();
  const x = ((event.clientX - box.left) / box.width) * svg.viewBox.baseVal.width;
  if (x < left || x > right) return hide();
  const at = ((x - left) / (right - left)) * data.span;
  const weights = data.weights.filter(([since]) => since <= at).pop();
  const rows = Object.entries(data.buckets).flatMap(([name, points]) => {
    const [when, count, errors, p50, p95] = nearest(points, at);
    const share = weights ? weights[1][name] : 0;
    const fresh = Math.abs(when - at) < data.span / 60;
    if (!share && !fresh) return [];
    const seen = fresh ? `<td>${count} req<td>${errors} % failed<td>${p50} s<td>${p95} s` : "<td>–<td><td><td>";
    return [`<tr><td><span class="key ${name}">${name}</span><td>${share} %${seen}`];
  });
  cursor.setAttribute("x1", x);
  cursor.setAttribute("x2", x);
  tip.innerHTML = `<b>${clock(at)}</b><table>${rows.join("")}</table>`;
  tip.hidden = false;
  const place = event.clientX - figure.getBoundingClientRect().left + figure.scrollLeft;
  const room = figure.scrollLeft + figure.clientWidth;
  tip.style.left = `${place + 16 + tip.offsetWidth < room ? place + 16 : place - 16 - tip.offsetWidth}px`;
}
function hide() {
  tip.hidden = true;
  cursor.setAttribute("x1", -9);
  cursor.setAttribute("x2", -9);
}
svg.addEventListener("pointermove", show);
svg.addEventListener("pointerleave", hide);
