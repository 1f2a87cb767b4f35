# Where mail goes, how gently, and over what channel.

gateway {
  hostname = "mx.plant.test"
  data_dir = "./var"
}

listener "mx" {
  address   = "127.0.0.1:2525"
  direction = "inbound"
}

listener "submission" {
  address   = "127.0.0.1:2587"
  direction = "outbound"
  allow     = ["127.0.0.0/8", "::1"]
}

admin { address = "127.0.0.1:8080" }

# A partner that is down is asked again soon: production waits for it.
retry "soon" {
  phase {
    until = "1h"
    every = "2m"
  }
  phase {
    until = "1d"
    every = "15m"
  }
}

# The help desk has its own mail store.
route "desk" {
  hosts    = ["127.0.0.1:2529"]
  protocol = "lmtp"
}

# A partner is reached over a line of our own.
route "partner" {
  hosts = ["127.0.0.1:2530"]
  retry = retry.soon
}

# Newsletters go by a provider, that knows us by a password. It is not in this
# file: whoever may read the one need not read the other.
route "newsletters" {
  hosts = ["smtp.provider.test:587"]
  tls   = "verified"
  auth {
    user     = "plant"
    password = chomp(file("relay.password"))
  }
}

# Everything else leaves from an address of its own.
route "world" {
  mx     = "*"
  helo   = "out.plant.test"
  source = "127.0.0.2"
  ip     = "4"
}

# The static routing table: the first line that matches counts.
via "partner" {
  recipient = ["partner.test", "*.partner.test"]
  route     = route.partner
}

via "closed" {
  recipient = ["old-partner.test"]
  reject    = "old-partner.test was closed; write to partner.test"
}

via "newsletters" {
  sender = ["news@plant.test"]
  route  = route.newsletters
}

via "world" { route = route.world }

# The partner's line is thin.
destination "partner" {
  routes      = [route.partner]
  connections = 2
  rate        = "30/1m"
  backoff     = "30s"
}

# One large provider gets less than is built in for it, since our address is
# new.
destination "google" {
  domains     = ["gmail.com", "googlemail.com"]
  mx          = ["*.google.com"]
  connections = 3
  rate        = "100/1h"
}

tenant "plant" {
  domains = ["plant.test"]

  # Two servers share the mail, three to one; the third is asked when neither
  # answers.
  route {
    host "127.0.0.1:2526" { weight = 3 }
    host "127.0.0.1:2527" {}
    host "127.0.0.1:2528" { priority = 20 }
  }

  inbound {
    via "desk" {
      recipient = ["help@plant.test", "*-help@plant.test"]
      route     = route.desk
    }
  }

  outbound {
    secure "plans" {
      when      = matches("(?i)^\\[secure\\]", message.subject)
      tls       = "verified"
      otherwise = "hold"
    }
  }
}
