// Package azureblob replaces the driver of Azure Blob Storage.
package azureblob

import (
	"context"
	"errors"
	"net/url"

	"gocloud.dev/blob"
)

// Scheme is that of the URLs of Azure Blob Storage.
const Scheme = "azblob"

// ServiceURLOptions has no options here.
type ServiceURLOptions struct{}

// URLOpener opens nothing.
type URLOpener struct {
	MakeClient        func()
	ServiceURLOptions ServiceURLOptions
}

// NewDefaultClient does nothing.
func NewDefaultClient() {}

// NewDefaultServiceURLOptions returns no options.
func NewDefaultServiceURLOptions() *ServiceURLOptions { return &ServiceURLOptions{} }

// OpenBucketURL refuses all URLs.
func (*URLOpener) OpenBucketURL(context.Context, *url.URL) (*blob.Bucket, error) {
	return nil, errors.New("Azure Blob Storage is left out of this build")
}
