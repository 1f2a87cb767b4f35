# The machine. Files of a directory are read together; their order is free.

variable "hostname" {
  default     = "mx.weir.test"
  description = "name in EHLO and Received"
}

gateway {
  hostname = var.hostname
  data_dir = "./var"
}

listener "mx" {
  address   = "127.0.0.1:2525"
  direction = "inbound"
  tls { auto = "self-signed" }
  limits {
    message_size = "25MiB"
    per_client   = 20
  }
}

admin { address = "127.0.0.1:8080" }
