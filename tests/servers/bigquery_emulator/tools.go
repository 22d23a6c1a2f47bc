//go:build tools

package bigquery

import _ "github.com/goccy/bigquery-emulator/cmd/bigquery-emulator"
