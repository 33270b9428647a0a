{{- define "slipway.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end }}

{{- define "slipway.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end }}

{{/* Labels that a selector may use: they never change. Call with (dict "root" $ "component" "operator"). */}}
{{- define "slipway.selector" -}}
app.kubernetes.io/name: {{ include "slipway.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "slipway.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/name: {{ include "slipway.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: slipway
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "slipway.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "slipway.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- required "serviceAccount.create is false: name an existing account in serviceAccount.name" .Values.serviceAccount.name -}}
{{- end -}}
{{- end }}

{{/* The complete name of an image. Call with (dict "root" $ "image" .Values.images.operator). */}}
{{- define "slipway.image" -}}
{{- $name := .image.repository -}}
{{- with .root.Values.image.registry -}}
{{- $name = printf "%s/%s" (trimSuffix "/" .) $name -}}
{{- end -}}
{{- if .image.digest -}}
{{- printf "%s@%s" $name .image.digest -}}
{{- else -}}
{{- printf "%s:%s" $name (default .root.Chart.AppVersion .image.tag) -}}
{{- end -}}
{{- end }}

{{- define "slipway.objectStore.name" -}}
{{ include "slipway.fullname" . }}-object-store
{{- end }}

{{- define "slipway.objectStore.endpoint" -}}
{{- if .Values.objectStore.embedded.enabled -}}
http://{{ include "slipway.objectStore.name" . }}.{{ .Release.Namespace }}.svc:8333
{{- else -}}
{{- required "objectStore.embedded.enabled is false: set objectStore.endpoint to your S3" .Values.objectStore.endpoint -}}
{{- end -}}
{{- end }}

{{- define "slipway.objectStore.secret" -}}
{{- default (include "slipway.objectStore.name" .) .Values.objectStore.credentials.existingSecret -}}
{{- end }}

{{- define "slipway.publicKeys" -}}
{{ include "slipway.fullname" . }}-public-keys
{{- end }}

{{/* The way to the object store, as one rule of a NetworkPolicy. */}}
{{- define "slipway.objectStore.egress" -}}
{{- if .Values.objectStore.embedded.enabled -}}
- to:
  - namespaceSelector:
      matchLabels: {kubernetes.io/metadata.name: {{ .Release.Namespace }}}
    podSelector:
      matchLabels:
        {{- include "slipway.selector" (dict "root" . "component" "object-store") | nindent 8 }}
  ports:
  - {port: 8333, protocol: TCP}
{{- else -}}
{{- $url := urlParse (include "slipway.objectStore.endpoint" .) -}}
{{- $port := regexFind "[0-9]+$" (regexFind ":[0-9]+$" $url.host) -}}
- ports:
  - {port: {{ $port | default (eq $url.scheme "http" | ternary 80 443) }}, protocol: TCP}
{{- end -}}
{{- end }}

{{/* Namespaces with workloads, as a JSON list under "names". */}}
{{- define "slipway.workloadNamespaces" -}}
{{- dict "names" (prepend .Values.workloadNamespaces .Release.Namespace | uniq) | toJson -}}
{{- end }}

{{- define "slipway.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "slipway.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* The credentials of the installation's Prometheus, as sources of one projected volume. Empty where it asks for none. */}}
{{- define "slipway.prometheus.secrets" -}}
{{- with .Values.prometheus.caSecret }}{{ if .name }}
- secret: {name: {{ .name }}, items: [{key: {{ .key }}, path: ca.crt}]}
{{- end }}{{ end }}
{{- with .Values.prometheus.bearerTokenSecret }}{{ if .name }}
- secret: {name: {{ .name }}, items: [{key: {{ .key }}, path: token}]}
{{- end }}{{ end }}
{{- with .Values.prometheus.basicAuthSecret }}{{ if .name }}
- secret: {name: {{ .name }}, items: [{key: username, path: username}, {key: password, path: password}]}
{{- end }}{{ end }}
{{- if and .Values.prometheus.bearerTokenSecret.name .Values.prometheus.basicAuthSecret.name }}
{{- fail "set prometheus.bearerTokenSecret or prometheus.basicAuthSecret, not both" }}
{{- end }}
{{- end }}
