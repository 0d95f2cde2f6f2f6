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

{{/* Not the name of the Role that a list of namespaces may put beside it. */}}
{{- define "runnerpool.leaseRole" -}}
{{- printf "%s-lease" (include "runnerpool.fullname" . | trunc 57 | trimSuffix "-") -}}
{{- end -}}

{{- define "runnerpool.subjects" -}}
- kind: ServiceAccount
  name: {{ include "runnerpool.serviceAccountName" . }}
  namespace: {{ .Release.Namespace }}
{{- end -}}

{{/* Pods of this release run as nobody's user, and may do nothing that the restricted standard forbids. */}}
{{- define "runnerpool.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "runnerpool.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* Several replicas had better not go down with one node. */}}
{{- define "runnerpool.affinity" -}}
{{- $apart := dict -}}
{{- if and (gt (int .Values.replicas) 1) (not .Values.affinity.podAntiAffinity) -}}
{{- $term := dict "topologyKey" "kubernetes.io/hostname" "labelSelector" (dict "matchLabels" (include "runnerpool.selectorLabels" . | fromYaml)) -}}
{{- $weighted := dict "weight" 100 "podAffinityTerm" $term -}}
{{- $apart = dict "podAntiAffinity" (dict "preferredDuringSchedulingIgnoredDuringExecution" (list $weighted)) -}}
{{- end -}}
{{- merge $apart .Values.affinity | toYaml -}}
{{- end -}}

{{- define "runnerpool.placement" -}}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with include "runnerpool.affinity" . | fromYaml }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* What the check before `helm uninstall` is called. Helm before 3.18 tells no more of its refusal than this name. */}}
{{- define "runnerpool.uninstallName" -}}
{{- printf "%s-uninstall-needs-no-pools" (include "runnerpool.fullname" . | trunc 38 | trimSuffix "-") -}}
{{- end -}}

{{/* Not the operator's labels: neither its Service nor its Deployment may take the check's pod for one of theirs. */}}
{{- define "runnerpool.uninstallLabels" -}}
app.kubernetes.io/name: runnerpool-uninstall-check
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: uninstall-check
app.kubernetes.io/part-of: runnerpool
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{/* Account and rights come before the Job, and go whatever it says. */}}
{{- define "runnerpool.uninstallHook" -}}
helm.sh/hook: pre-delete
helm.sh/hook-weight: "-1"
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded,hook-failed
{{- end -}}

{{- define "runnerpool.uninstallRules" -}}
- apiGroups: [runnerpool.dev]
  resources: [transcodingrunnerpools]
  verbs: [list]
{{- end -}}

{{- define "runnerpool.uninstallSubjects" -}}
- kind: ServiceAccount
  name: {{ include "runnerpool.uninstallName" . }}
  namespace: {{ .Release.Namespace }}
{{- end -}}
