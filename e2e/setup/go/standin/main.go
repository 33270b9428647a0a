// Who stands in for a model's pod where a bench measures traffic, not answers? One program under every name that the
// pod's containers call: it fetches nothing, computes nothing, is healthy, and answers with its version.
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

func main() {
	switch name := filepath.Base(os.Args[0]); {
	case name == "slipway-drain", slices.Contains(os.Args, "slipway_pod.fetch"):
		return
	case name == "python":
		end := make(chan os.Signal, 1)
		signal.Notify(end, syscall.SIGTERM)
		<-end
	default:
		serve(os.Getenv("SLIPWAY_VERSION"))
	}
}

func serve(version string) {
	answers := &http.Server{Addr: ":8080", Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("x-slipway-version", version)
		fmt.Fprintln(w, version)
	})}
	probes := &http.Server{Addr: ":9901", Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})}
	end, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	for _, server := range []*http.Server{answers, probes} {
		go func() {
			if err := server.ListenAndServe(); err != http.ErrServerClosed {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
		}()
	}
	<-end.Done()
	// Requests that are open, and those that a gateway sends before it has heard.
	time.Sleep(500 * time.Millisecond)
	last, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	answers.Shutdown(last)
}
