{{/* The operator's one settings file: slipway.settings.Settings. */}}
{{- define "slipway.settings" -}}
{{- $images := dict
  "data" (include "slipway.image" (dict "root" . "image" .Values.images.data))
  "train_torch" (include "slipway.image" (dict "root" . "image" .Values.images.trainTorch))
  "eval_blender" (include "slipway.image" (dict "root" . "image" .Values.images.evalBlender))
  "serve_llamacpp" (include "slipway.image" (dict "root" . "image" .Values.images.serveLlamacpp))
  "proxy" (include "slipway.image" (dict "root" . "image" .Values.images.serveProxy)) -}}
{{- $store := dict
  "endpoint" (include "slipway.objectStore.endpoint" .)
  "region" .Values.objectStore.region
  "bucket" .Values.objectStore.bucket
  "prefix" .Values.objectStore.prefix -}}
{{- dict
  "namespace" .Release.Namespace
  "watch_namespaces" .Values.operator.watchNamespaces
  "images" $images
  "image_pull_policy" .Values.image.pullPolicy
  "store" $store
  "store_secret" (include "slipway.objectStore.secret" .)
  "signing_secret" .Values.signing.secret
  "signatures_required" .Values.signing.required
  "public_keys" (include "slipway.publicKeys" .)
  "prometheus_url" .Values.prometheus.url
  "prometheus_timeout_seconds" .Values.prometheus.timeoutSeconds
  "prometheus_ca_file" (empty .Values.prometheus.caSecret.name | ternary "" "/etc/slipway-prometheus/ca.crt")
  "prometheus_bearer_token_file" (empty .Values.prometheus.bearerTokenSecret.name | ternary "" "/etc/slipway-prometheus/token")
  "prometheus_basic_auth_folder" (empty .Values.prometheus.basicAuthSecret.name | ternary "" "/etc/slipway-prometheus")
  "analysis_hosts" .Values.analysis.hosts
  "analysis_secrets" .Values.analysis.secrets
  "closed_namespaces" (.Values.networkPolicies.enabled | ternary (include "slipway.workloadNamespaces" . | fromJson).names list)
  "progress_url" (printf "http://%s-progress.%s.svc:8090" (include "slipway.fullname" .) .Release.Namespace)
  "drain_seconds" (int .Values.operator.drainSeconds)
  "http_port" 8080
  "progress_port" 8090
  "lease_name" (printf "%s-operator" (include "slipway.fullname" .))
  "workers" (int .Values.operator.workers)
  "resync_seconds" .Values.operator.resyncSeconds
  | toPrettyJson -}}
{{- end }}
