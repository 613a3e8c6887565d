// Package s3 replaces the client of Amazon S3.
package s3

// CopyObjectInput has the only field that the backend names.
type CopyObjectInput struct{ CopySource *string }
