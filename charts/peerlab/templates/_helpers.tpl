{{- define "peerlab.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "peerlab.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else if contains (include "peerlab.name" .) .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "peerlab.name" .) | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* A cluster-wide name: two releases in two namespaces may have one name. */}}
{{- define "peerlab.clusterName" -}}
{{- printf "%s-%s" .Release.Namespace (include "peerlab.fullname" .) | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "peerlab.selector" -}}
app.kubernetes.io/name: {{ include "peerlab.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end -}}

{{/* Of all objects, those of tests as well, which must not be taken for the operator. */}}
{{- define "peerlab.commonLabels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/name: {{ include "peerlab.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: peerlab
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "peerlab.labels" -}}
{{ include "peerlab.commonLabels" . }}
app.kubernetes.io/component: operator
{{- end -}}

{{- define "peerlab.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "peerlab.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "peerlab.image" -}}
{{- printf "%s:%s" .image.repository (default .appVersion .image.tag) -}}
{{- end -}}

{{/* What else pods of scenarios have, as the operator's option --pod-template takes it. */}}
{{- define "peerlab.podTemplate" -}}
{{- $template := dict -}}
{{- with .Values.pods.nodeSelector }}{{ $_ := set $template "nodeSelector" . }}{{ end -}}
{{- with .Values.pods.tolerations }}{{ $_ := set $template "tolerations" . }}{{ end -}}
{{- with .Values.pods.imagePullSecrets }}{{ $_ := set $template "imagePullSecrets" . }}{{ end -}}
{{- with .Values.pods.priorityClassName }}{{ $_ := set $template "priorityClassName" . }}{{ end -}}
{{- toJson $template -}}
{{- end -}}
