module slipway.dev/e2e/standin

go 1.26.0
