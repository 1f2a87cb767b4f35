# Mail with an attachment of more than 100 octets is refused; pictures are not counted.

gateway {
  hostname = "mx.weir.test"
  data_dir = "./var"
}

listener "mx" {
  address   = "127.0.0.1:2525"
  direction = "inbound"
}

plugin "sizes" {
  source = "sizes.wasm"
}

ruleset "manners" {
  filter "sizes" {
    plugin = plugin.sizes
    config {
      limit  = "100B"
      except = ["image/*"]
    }
  }
}

tenant "demo" {
  domains  = ["demo.test"]
  rulesets = [ruleset.manners]
  route { hosts = ["127.0.0.1:2526"] }
}
