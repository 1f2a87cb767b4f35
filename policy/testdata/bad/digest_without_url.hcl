gateway {
  hostname = "mx.acme.test"
  data_dir = "var"
}
admin { address = "127.0.0.1:8080" }
tenant "acme" {
  domains = ["acme.test"]
  digest { # ERROR: Links would lead nowhere
    at = ["07:00"]
  }
}
