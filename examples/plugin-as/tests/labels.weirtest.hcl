scenario "labels are earned" {
  config {
    label "newsletter" {
      header = "List-Id"
    }
    label "money" {
      header  = "Subject"
      matches = "\\binvoices?\\b|€"
    }
  }
  mail "both" {
    message = "List-Id: <news.sender.test>\nSubject: Your INVOICE\n\nPay.\n"
    expect "message" {
      tags  = ["newsletter", "money"]
      edits = ["add X-Labels: newsletter, money"]
    }
  }
  mail "one" {
    message = "Subject: Invoices\nSubject: twice\n\nPay.\n"
    expect "message" {
      tags  = ["money"]
      edits = ["add X-Labels: money"]
    }
  }
  mail "none" {
    message = "Subject: Lunch on Thursday?\nX-Labels: forged\n\nShall we?\n"
    expect "message" {
      edits = ["remove X-Labels[-1]"]
    }
  }
}

scenario "tags only" {
  config {
    field = ""
    label "any" {
      header = "From"
    }
  }
  mail "somebody's" {
    message = "From: ann@sender.test\n\nHello.\n"
    expect "message" {
      tags = ["any"]
    }
  }
}
