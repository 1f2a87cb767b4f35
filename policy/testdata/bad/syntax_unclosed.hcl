gateway {  # ERROR: Unclosed configuration block
  hostname = "mx.weir.test"
