import type { Lang } from './format.ts'
import type { FieldError } from './forms.tsx'
import { type MessageKey, type Params, t } from './messages.ts'

/** Everything a form may say about a field, with the name of the field it belongs to. */
const words = {
  wayMissing: { field: 'way', key: 'bill.error_way' },
  billerMissing: { field: 'biller', key: 'find.error_biller' },
  accountEmpty: { field: 'account', key: 'account.error_empty' },
  accountFormat: { field: 'account', key: 'account.error_format' },
  accountNotFound: { field: 'account', key: 'account.error_not_found' },
  photoMissing: { field: 'file', key: 'photo.error_missing' },
  photoType: { field: 'file', key: 'photo.error_type' },
  photoLarge: { field: 'file', key: 'photo.error_large' },
  photoBroken: { field: 'file', key: 'photo.error_broken' },
  photoDark: { field: 'file', key: 'photo.error_dark' },
  photoEmpty: { field: 'file', key: 'photo.error_empty' },
  photoNoBill: { field: 'file', key: 'photo.error_no_bill' },
  photoBusy: { field: 'file', key: 'photo.error_busy' },
  photoFailed: { field: 'file', key: 'photo.error_failed' },
  accountDuplicate: { field: 'account', key: 'households.error_duplicate' },
  relationMissing: { field: 'relation', key: 'households.error_relation' },
  shareSelf: { field: 'phone', key: 'households.error_self' },
  shareMany: { field: 'phone', key: 'households.error_many' },
  sharePhone: { field: 'phone', key: 'households.error_phone' },
  reasonMissing: { field: 'reason', key: 'wrong.error_reason' },
  verifyEmpty: { field: 'c', key: 'verify.error_empty' },
  verifyReceiptNo: { field: 'c', key: 'verify.error_receipt_no' },
  verifyFormat: { field: 'c', key: 'verify.error_format' },
  verifyNoFile: { field: 'file', key: 'verify.error_no_file' },
  verifyFileLarge: { field: 'file', key: 'verify.error_file_large' },
  verifyNoKeys: { field: 'file', key: 'verify.error_no_keys' },
  /** Both sign-in pages. `tooManyCodes` needs `wait`, `codeWrong` needs `left`. */
  phoneFormat: { field: 'phone', key: 'sign_in.error_phone' },
  tooManyCodes: { field: 'phone', key: 'sign_in.error_too_many' },
  codeWrong: { field: 'code', key: 'code.error_wrong' },
  codeExpired: { field: 'code', key: 'code.error_expired' },
  codeSpent: { field: 'code', key: 'code.error_spent' },
  codeNotSent: { field: 'phone', key: 'code.error_not_sent' },
  debitCard: { field: 'card', key: 'debit.error_card' },
  debitBank: { field: 'card', key: 'debit.error_bank' },
  debitPhone: { field: 'card', key: 'debit.error_phone' },
  debitClosed: { field: 'card', key: 'debit.error_closed' },
  debitCeiling: { field: 'ceiling', key: 'debit.error_ceiling' },
  debitWhen: { field: 'days', key: 'debit.error_when' },
  debitUntil: { field: 'until', key: 'debit.error_until' },
  debitConsent: { field: 'consent', key: 'debit.error_consent' },
  debitExists: { field: 'consent', key: 'debit.error_exists' },
  debitChanged: { field: 'consent', key: 'debit.error_changed' },
  debitAgain: { field: 'consent', key: 'debit.error_again' },
  staffSignIn: { field: 'username', key: 'staff.error_sign_in' },
  staffSecond: { field: 'code', key: 'staff.error_second' },
  staffTotp: { field: 'totp', key: 'staff.error_second' },
  staffEnrol: { field: 'username', key: 'staff.error_enrol' },
  staffPasswordShort: { field: 'newPassword', key: 'staff.error_password_short' },
  staffPasswordSame: { field: 'newPassword', key: 'staff.error_password_same' },
  staffPasswordOld: { field: 'password', key: 'staff.error_password_old' },
  staffWhy: { field: 'why', key: 'staff.error_why' },
  staffWhyReset: { field: 'why-reset', key: 'staff.error_why' },
  staffRoleSame: { field: 'role', key: 'staff.error_role_same' },
  staffArea: { field: 'areaCode', key: 'staff.error_area' },
  staffChangeOpen: { field: 'why', key: 'staff.error_change_open' },
  staffChangeOpenReset: { field: 'why-reset', key: 'staff.error_change_open' },
} as const satisfies Record<string, { field: string; key: MessageKey }>

export type FieldErrorName = keyof typeof words

/** The error of a field in the language of the visit, for `errors` of a form view. */
export const fieldError = (lang: Lang, name: FieldErrorName, params?: Params): FieldError => ({
  field: words[name].field,
  text: t(lang)(words[name].key, params),
})
