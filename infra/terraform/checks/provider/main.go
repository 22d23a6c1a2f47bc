// A provider that knows a schema and can do nothing: enough for `terraform validate`, and for `terraform test`
// with mocked providers, where the real ones cannot be had.
//
// The schema is a JSON file in the folder that GUARDIAN_SCHEMAS names, called as the provider is: started as
// terraform-provider-google_v6.50.0 it reads google.json.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6/tf6server"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

type attribute struct {
	Type      json.RawMessage `json:"type"`
	Required  bool            `json:"required"`
	Optional  bool            `json:"optional"`
	Computed  bool            `json:"computed"`
	Sensitive bool            `json:"sensitive"`
}

type nested struct {
	NestingMode string `json:"nesting_mode"`
	Block       block  `json:"block"`
	MinItems    int64  `json:"min_items"`
	MaxItems    int64  `json:"max_items"`
}

type block struct {
	Attributes map[string]attribute `json:"attributes"`
	BlockTypes map[string]nested    `json:"block_types"`
}

type schemas struct {
	Source      string           `json:"source"`
	Provider    block            `json:"provider"`
	Resources   map[string]block `json:"resources"`
	DataSources map[string]block `json:"data_sources"`
}

// server implements what is asked for while a configuration is checked. Everything else is the nil interface
// inside: a call would end the process, which is what it deserves.
type server struct {
	tfprotov6.ProviderServer
	schemas schemas
}

func (s *server) GetProviderSchema(context.Context, *tfprotov6.GetProviderSchemaRequest) (*tfprotov6.GetProviderSchemaResponse, error) {
	return &tfprotov6.GetProviderSchemaResponse{
		Provider:          schema(s.schemas.Provider),
		ResourceSchemas:   all(s.schemas.Resources),
		DataSourceSchemas: all(s.schemas.DataSources),
	}, nil
}

func (s *server) GetMetadata(context.Context, *tfprotov6.GetMetadataRequest) (*tfprotov6.GetMetadataResponse, error) {
	return &tfprotov6.GetMetadataResponse{}, nil
}

func (s *server) GetResourceIdentitySchemas(context.Context, *tfprotov6.GetResourceIdentitySchemasRequest) (*tfprotov6.GetResourceIdentitySchemasResponse, error) {
	return &tfprotov6.GetResourceIdentitySchemasResponse{}, nil
}

func (s *server) GetFunctions(context.Context, *tfprotov6.GetFunctionsRequest) (*tfprotov6.GetFunctionsResponse, error) {
	return &tfprotov6.GetFunctionsResponse{}, nil
}

func (s *server) ValidateProviderConfig(_ context.Context, request *tfprotov6.ValidateProviderConfigRequest) (*tfprotov6.ValidateProviderConfigResponse, error) {
	return &tfprotov6.ValidateProviderConfigResponse{PreparedConfig: request.Config}, nil
}

func (s *server) ValidateResourceConfig(context.Context, *tfprotov6.ValidateResourceConfigRequest) (*tfprotov6.ValidateResourceConfigResponse, error) {
	return &tfprotov6.ValidateResourceConfigResponse{}, nil
}

func (s *server) ValidateDataResourceConfig(context.Context, *tfprotov6.ValidateDataResourceConfigRequest) (*tfprotov6.ValidateDataResourceConfigResponse, error) {
	return &tfprotov6.ValidateDataResourceConfigResponse{}, nil
}

func (s *server) StopProvider(context.Context, *tfprotov6.StopProviderRequest) (*tfprotov6.StopProviderResponse, error) {
	return &tfprotov6.StopProviderResponse{}, nil
}

func all(blocks map[string]block) map[string]*tfprotov6.Schema {
	found := make(map[string]*tfprotov6.Schema, len(blocks))
	for name, one := range blocks {
		found[name] = schema(one)
	}
	return found
}

func schema(given block) *tfprotov6.Schema {
	return &tfprotov6.Schema{Block: inside(given)}
}

func inside(given block) *tfprotov6.SchemaBlock {
	made := &tfprotov6.SchemaBlock{}
	for _, name := range sorted(given.Attributes) {
		one := given.Attributes[name]
		kind, err := tftypes.ParseJSONType(one.Type)
		if err != nil {
			panic(fmt.Sprintf("%s: %v", name, err))
		}
		made.Attributes = append(made.Attributes, &tfprotov6.SchemaAttribute{
			Name: name, Type: kind, Required: one.Required, Optional: one.Optional, Computed: one.Computed, Sensitive: one.Sensitive,
		})
	}
	for _, name := range sorted(given.BlockTypes) {
		one := given.BlockTypes[name]
		mode := map[string]tfprotov6.SchemaNestedBlockNestingMode{
			"single": tfprotov6.SchemaNestedBlockNestingModeSingle,
			"list":   tfprotov6.SchemaNestedBlockNestingModeList,
			"set":    tfprotov6.SchemaNestedBlockNestingModeSet,
		}[one.NestingMode]
		made.BlockTypes = append(made.BlockTypes, &tfprotov6.SchemaNestedBlock{
			TypeName: name, Block: inside(one.Block), Nesting: mode, MinItems: one.MinItems, MaxItems: one.MaxItems,
		})
	}
	return made
}

func sorted[T any](given map[string]T) []string {
	names := make([]string, 0, len(given))
	for name := range given {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

func main() {
	binary, err := os.Executable()
	if err != nil {
		panic(err)
	}
	name, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(binary), "terraform-provider-"), "_")
	data, err := os.ReadFile(filepath.Join(os.Getenv("GUARDIAN_SCHEMAS"), name+".json"))
	if err != nil {
		panic(err)
	}
	made := &server{}
	if err := json.Unmarshal(data, &made.schemas); err != nil {
		panic(err)
	}
	if err := tf6server.Serve(made.schemas.Source, func() tfprotov6.ProviderServer { return made }); err != nil {
		panic(err)
	}
}
