//go:build tools

// Package tools names the etcd server that the local test bed builds.
package tools

import _ "go.etcd.io/etcd/server/v3"
