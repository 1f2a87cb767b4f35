# Two customers with archives of their own: see README.md.

gateway {
  hostname = "mx.weir.test"
  data_dir = "./var"
  archive {
    dir = "./copies" # a disk of its own, say; the key stays in data_dir
  }
}

listener "mx" {
  address   = "127.0.0.1:2525"
  direction = "inbound"
}

listener "submission" {
  address   = "127.0.0.1:2587"
  direction = "outbound"
  allow     = ["127.0.0.0/8"]
}

admin { address = "127.0.0.1:8080" }

# Everything, both ways, for ten years; but not what the works council gets.
tenant "lawyers" {
  domains = ["lawyers.test"]
  route { hosts = ["127.0.0.1:2526"] }
  outbound {
    route { hosts = ["127.0.0.1:2526"] }
  }
  retain { archive = "3653d" }
  group "works-council" {
    members = ["council@lawyers.test"]
    inbound { archive = false }
    outbound { archive = false }
  }
}

# What comes in, for a quarter; and what the sales people send.
tenant "shop" {
  domains = ["shop.test"]
  route { hosts = ["127.0.0.1:2526"] }
  outbound {
    archive = false
    route { hosts = ["127.0.0.1:2526"] }
  }
  retain { archive = "90d" }
  group "sales" {
    members = ["sales@shop.test"]
    outbound { archive = true }
  }
}
