import { defineErrors } from '#kernel/result.ts'

export const errors = defineErrors('identity', {
  phone_malformed: 400,
  id_number_malformed: 400,
  too_many_codes: 429,
  code_not_sent: 503,
  code_wrong: 401,
  credentials_refused: 401,
  second_factor_refused: 401,
  person_not_found: 404,
  person_exists: 409,
  field_empty: 404,
  name_missing: 400,
  reason_missing: 400,
  username_taken: 409,
  password_too_short: 400,
  staff_not_found: 404,
  own_role: 403,
  area_unknown: 404,
  share_with_self: 400,
  too_many_shares: 409,
  share_not_found: 404,
})
