// Package s3blob replaces the driver of Amazon S3.
package s3blob
