//go:build tools

// Package tools names the program that plays nodes for the local test bed.
package tools

import _ "sigs.k8s.io/kwok/cmd/kwok"
