import { defineErrors } from '#kernel/result.ts'

export const errors = defineErrors('billing', {
  bill_not_found: 404,
  biller_not_found: 404,
  account_not_found: 404,
  account_no_malformed: 400,
  quote_malformed: 400,
  quote_expired: 409,
  quote_changed: 409,
  bill_already_paid: 409,
  bill_being_paid: 409,
  bill_withdrawn: 409,
  account_closed: 409,
  receipt_not_found: 404,
  undo_too_late: 409,
  undo_not_yours: 404,
  rescue_exists: 409,
  file_refused: 422,
  mapping_malformed: 400,
  push_unsigned: 401,
})
