import type { messages as base } from './messages.zh-CN.ts'

export const messages: Record<keyof typeof base, string> = {
  sign_in_code: 'Your code is {code}, valid {minutes} minutes. Never give it to anyone.',
  bill_due: 'Your {service} bill for {period} is {amount} yuan, due {due_on}. Account ending {account_tail}.',
  bill_due_soon: 'Your {service} bill of {amount} yuan is due in {days} days; after that a late fee is added.',
  bill_overdue_no_fee: 'Your {service} bill is {days} days late: {amount} yuan. The service hall can help.',
  bill_overdue: 'Your {service} bill is {days} days late: {amount} yuan including {late_fee} yuan late fee. The service hall can help.',
  dispute_upheld:
    'The {service} bill of {amount} yuan you had checked is wrong and will be corrected. Until then no late fee grows and nothing is debited. The answer is on the page of the bill.',
  dispute_kept:
    'The {service} bill of {amount} yuan you had checked is right. The days of the check count for no late fee. The answer is on the page of the bill; please pay it.',
  bill_paid: 'You have paid {amount} yuan for {service}. Receipt {receipt_no}. You can undo it within 10 minutes.',
  payment_unknown: 'We are confirming the result of your {amount} yuan payment. Please do not pay again; no money is lost.',
  payment_duplicate: 'This {service} was already paid. The extra {amount} yuan will be returned; you need do nothing.',
  refund_accepted: 'Your refund of {amount} yuan is accepted and goes back the way it was paid. Number {refund_no}.',
  refund_done: '{amount} yuan has been returned for order {order_no}.',
  debit_on:
    'Auto-debit for {service} is on, from the card ending {card}, account ending {account_tail}. Stop it any time under Mine, Auto-debit.',
  debit_off: 'Auto-debit for {service} is off, account ending {account_tail}. Please pay coming bills yourself.',
  debit_refused:
    'Auto-debit for {service} was not switched on: the bank did not agree to the card ending {card}. No money moved. Try another card or call the bank.',
  debit_done: '{amount} yuan for {service} was debited from your card, account ending {account_tail}. The receipt is under My payments.',
  debit_retry: '{amount} yuan for {service} was not debited today: {why}. No money moved; we try again tomorrow. You may also pay it now.',
  debit_failed:
    '{amount} yuan for {service} was not debited: {why}. No money moved. We will not try this bill again, please pay it yourself.',
  debit_suspended:
    '{amount} yuan for {service} was not debited: {why}. No money moved; auto-debit is paused. Please pay this bill, then switch it on anew.',
  debit_over:
    'This {service} bill of {amount} yuan is over your ceiling and was not debited. Please pay it by {due_on}, or raise the ceiling.',
  debit_returned:
    'The bank returned {amount} yuan for {service} to your card. The bill is unpaid again and auto-debit is paused. Please pay it yourself.',
  task_warning: '{subject} is due {deadline}. Please see to it.',
  task_overdue: '{subject} was due {deadline} and is not done. Please handle it now.',
  task_escalated: '{subject} was due {deadline}, is not done, and is now reported to you.',
}
