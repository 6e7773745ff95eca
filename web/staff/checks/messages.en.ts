import type { messages as base } from './messages.zh-CN.ts'

export const messages: Record<keyof typeof base, string> = {
  'staff.break_biller_missing': 'Told to the biller, not in its file',
  'staff.break_biller_missing_text':
    'We told the biller of this payment and its check file does not have it. It has been told again under the same number and the next file is looked at; if it refuses, the payer is refunded by itself; after three days it becomes grave.',
  'staff.break_biller_only': 'The biller has it, we never told it',
  'staff.break_biller_only_text':
    "The biller's check file has this payment; we never told it, or have given the money back. Ask the biller, then note what you found.",
  'staff.break_biller_amount': 'The biller booked another amount',
  'staff.break_biller_amount_text':
    'The biller booked another amount than we told it. Nothing is changed by itself: the biller corrects it and sends its file again. Until then the day is not settled with it.',
  'staff.break_stated_biller': "Biller's file",
  'staff.break_booked_biller': 'We told',
  'staff.break_no_biller': 'Posting number',
  'staff.break_bill_no': 'Bill number',
  'staff.resolution_given_back': 'Given back to the payer',
  'staff.wait_check_none': 'The biller has no check file of this day yet; asked again at {at}.',
  'staff.wait_check_unknown': 'Could not be fetched; asked again at {at}.',
  'staff.notice_break_half': 'Kept. It holds payments or refunds alone; the day is compared once the other is in.',
  'staff.refused_form': 'Not as the biller made it: changed, or of another layout than registered',
  'event.billing.posting_told_again': 'Biller told again',
  'event.billing.check_compared': "Biller's check file compared",
}
