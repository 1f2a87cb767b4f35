gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

plugin "rules" {
  source = "builtin:rules"
  grant {
    http = [
      "https://hooks.acme.test/weir/",
      "hooks.acme.test",                # ERROR: Invalid value
    ]
    dial = ["127.0.0.1"]                # ERROR: Invalid value
    dns  = ["*.zen.example"]            # ERROR: Invalid value
  }
}
