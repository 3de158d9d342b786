package main

import (
	"context"
	"fmt"
	"os"

	wrapping "github.com/hashicorp/go-kms-wrapping/v2"
	"github.com/hashicorp/go-kms-wrapping/wrappers/awskms/v2"
	"github.com/hashicorp/hcl"
)

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func main() {
	ctx := context.Background()
	var config struct {
		Seal map[string]map[string]string `hcl:"seal"`
	}
	if err := hcl.Unmarshal(must(os.ReadFile("vault.hcl")), &config); err != nil {
		panic(err)
	}
	seal := awskms.NewWrapper()
	must(seal.SetConfig(ctx, wrapping.WithConfigMap(config.Seal["awskms"])))
	sealed := must(seal.Encrypt(ctx, []byte("hello")))
	fmt.Print(string(must(seal.Decrypt(ctx, sealed))))
}
