"""Where the contents of attached files lie: a local directory, or a bucket of S3, GCS or Azure."""
