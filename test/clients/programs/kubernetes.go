// The API server's own code, with the EncryptionConfiguration that it is given, seals a Secret and opens it again. The
// plugin at the other end of the socket asks of KMS what aws-encryption-provider asks (its pkg/plugin/plugin_v2.go).
package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/server/options/encryptionconfig"
	"k8s.io/apiserver/pkg/storage/value"
	"k8s.io/kms/pkg/service"
)

type plugin struct {
	kms *kms.Client
	key string
}

func (p *plugin) Status(ctx context.Context) (*service.StatusResponse, error) {
	sealed, err := p.Encrypt(ctx, "", []byte("foo"))
	if err != nil {
		return nil, err
	}
	if _, err := p.Decrypt(ctx, "", &service.DecryptRequest{Ciphertext: sealed.Ciphertext}); err != nil {
		return nil, err
	}
	return &service.StatusResponse{Version: "v2", Healthz: "ok", KeyID: p.key}, nil
}

func (p *plugin) Encrypt(ctx context.Context, _ string, data []byte) (*service.EncryptResponse, error) {
	sealed, err := p.kms.Encrypt(ctx, &kms.EncryptInput{KeyId: &p.key, Plaintext: data})
	if err != nil {
		return nil, err
	}
	return &service.EncryptResponse{Ciphertext: append([]byte("1"), sealed.CiphertextBlob...), KeyID: p.key}, nil
}

func (p *plugin) Decrypt(ctx context.Context, _ string, request *service.DecryptRequest) ([]byte, error) {
	opened, err := p.kms.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: request.Ciphertext[1:]})
	if err != nil {
		return nil, err
	}
	return opened.Plaintext, nil
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client := kms.NewFromConfig(must(config.LoadDefaultConfig(ctx)))
	file, socket, alias := os.Args[1], os.Args[2], os.Args[3]
	described := must(client.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &alias}))
	server := service.NewGRPCService(socket, 5*time.Second, &plugin{client, *described.KeyMetadata.Arn})
	go func() { panic(server.ListenAndServe()) }()
	for {
		if connection, err := net.Dial("unix", socket); err == nil {
			connection.Close()
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	loaded := must(encryptionconfig.LoadEncryptionConfig(ctx, file, false, "hello"))
	secrets := loaded.Transformers[schema.GroupResource{Resource: "secrets"}]
	where := value.DefaultContext("/registry/secrets/default/greeting")
	stored := must(secrets.TransformToStorage(ctx, []byte("hello"), where))
	opened, stale, err := secrets.TransformFromStorage(ctx, stored, where)
	if err != nil {
		panic(err)
	}
	fmt.Printf("%.24s %t %s", stored, stale, opened)
}
