//go:build tools

// Package tools names the Helm client that the local test bed builds.
package tools

import _ "helm.sh/helm/v4/cmd/helm"
