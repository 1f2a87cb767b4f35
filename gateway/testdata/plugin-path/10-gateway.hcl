# The policy of the scripts that make a plugin: before the plugin is there.
variable "sink" {}

gateway {
  hostname = "mx.weir.test"
  data_dir = "./var"
}

listener "mx" {
  address   = "127.0.0.1:0"
  direction = "inbound"
}

admin { address = "127.0.0.1:0" }
