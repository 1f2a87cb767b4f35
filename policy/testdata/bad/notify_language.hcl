gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

tenant "acme" {
  domains = ["acme.test"]
  notify {
    language = "xx"  # ERROR: Invalid value
    from     = "Postmaster <postmaster@acme.test>"  # ERROR: Invalid value
    expired  = ["nobody"]  # ERROR: Invalid value
  }
}
