tenant "demo" {
  domains = ["demo.test"]
  route { hosts = [var.sink] }
}
