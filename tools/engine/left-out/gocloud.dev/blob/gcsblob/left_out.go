// Package gcsblob replaces the driver of Google Cloud Storage.
package gcsblob

// Scheme is that of the URLs of Google Cloud Storage.
const Scheme = "gs"
