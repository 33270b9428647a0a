"""The engine: controller-runtime on kopf."""
