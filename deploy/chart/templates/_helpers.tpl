{{/* Name of every namespaced object: the release's name, with the chart's in it once. */}}
{{- define "runnerpool.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Name of cluster-scoped objects: two releases of one name in two namespaces must not collide. */}}
{{- define "runnerpool.clusterName" -}}
{{- printf "%s:%s" .Release.Namespace (include "runnerpool.fullname" .) -}}
{{- end -}}

{{- define "runnerpool.selectorLabels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "runnerpool.labels" -}}
{{ include "runnerpool.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/component: operator
app.kubernetes.io/part-of: runnerpool
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "runnerpool.serviceAccountName" -}}
{{- default (include "runnerpool.fullname" .) .Values.serviceAccount.name -}}
{{- end -}}

{{/* Takes (dict "image" .Values.image "context" $); a digest wins over a tag. */}}
{{- define "runnerpool.image" -}}
{{- if .image.digest -}}
{{- printf "%s@%s" .image.repository .image.digest -}}
{{- else -}}
{{- printf "%s:%s" .image.repository (default .context.Chart.AppVersion .image.tag) -}}
{{- end -}}
{{- end -}}

{{/* What the operator does in a namespace that it serves: no verb more than its code uses (tests/unit/packaging). */}}
{{- define "runnerpool.poolRules" -}}
- apiGroups: [runnerpool.dev]
  resources: [transcodingrunnerpools]
  verbs: [get, list, watch, patch]
- apiGroups: [runnerpool.dev]
  resources: [transcodingrunnerpools/status]
  verbs: [patch]
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch, create, patch, delete]
# Never list or watch: the operator reads the Secret that a pool names and those that it made itself.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, create]
- apiGroups: [""]
  resources: [events]
  verbs: [create]
{{- end -}}

{{- define "runnerpool.subjects" -}}
- kind: ServiceAccount
  name: {{ include "runnerpool.serviceAccountName" . }}
  namespace: {{ .Release.Namespace }}
{{- end -}}
