"""The OpenAPI 3.1 document, made from the declared operations, structs, field types and error codes."""
