# ERROR: Missing block
admin {
  address = "127.0.0.1:8080"
}
