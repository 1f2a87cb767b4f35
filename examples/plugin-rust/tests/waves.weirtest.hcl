scenario "the third alike is a wave" {
  config {
    limit = 2
  }
  mail "first" {
    message = "Subject: Invoice 17 of May\n\nPay.\n"
  }
  mail "second" {
    message = "Subject: INVOICE 18 of May\n\nPay.\n"
  }
  mail "another" {
    message = "Subject: Lunch on Thursday?\n\nShall we?\n"
  }
  mail "third" {
    message = "Subject: Invoice 19, really\n\nPay.\n"
  }
  mail "fourth" {
    message = "Subject: invoice 20 of May\n\nPay.\n"
    expect "message" {
      finding "bulk/wave" {
        score       = 2
        explanation = "/^message 3 whose subject begins with .invoice ##.$/"
      }
    }
  }
  mail "in another tenant" {
    tenant  = "other"
    message = "Subject: Invoice 21 of May\n\nPay.\n"
  }
  mail "when the window is over" {
    advance = "61m"
    message = "Subject: Invoice 22 of May\n\nPay.\n"
  }
}

scenario "what has no beginning is not counted" {
  config {
    limit = 0
  }
  mail "no subject" {
    message = "From: ann@sender.test\n\nHello.\n"
  }
  mail "one word" {
    message = "Subject: Hello\n\nHello.\n"
  }
}
