package main

import (
	"bytes"
	"context"
	"crypto"
	"fmt"
	"os"

	"github.com/sigstore/sigstore/pkg/signature/kms"
	_ "github.com/sigstore/sigstore/pkg/signature/kms/aws"
)

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func main() {
	key := must(kms.Get(context.Background(), os.Args[1], crypto.SHA256))
	signature := must(key.SignMessage(bytes.NewReader([]byte("hello"))))
	if err := key.VerifySignature(bytes.NewReader(signature), bytes.NewReader([]byte("hello"))); err != nil {
		panic(err)
	}
	fmt.Print("hello")
}
