module slipway.dev/e2e/jobset

go 1.25.0

require sigs.k8s.io/jobset v0.11.0
