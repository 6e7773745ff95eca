/** Words of what billers state about a day. */
export const messages = {
  'staff.break_biller_missing': '已告诉收费单位，对账文件里没有',
  'staff.break_biller_missing_text':
    '这笔我们已经告诉收费单位，它的对账文件里没有。系统已用同一编号再告诉一次，看下一份文件；它拒收，就自动退给付款人；三天还没有就升为严重。',
  'staff.break_biller_only': '收费单位有，我们没有告诉过',
  'staff.break_biller_only_text': '收费单位的对账文件里有这笔，我们没有告诉过它，或已经退给付款人。请打电话问收费单位，再记下结论。',
  'staff.break_biller_amount': '收费单位记的金额不一样',
  'staff.break_biller_amount_text':
    '收费单位记的金额和我们告诉它的不一样。系统不会自己改账，请收费单位更正后重发文件。这一天先不结算给它。',
  'staff.break_stated_biller': '收费单位文件',
  'staff.break_booked_biller': '我们告诉的',
  'staff.break_no_biller': '通知编号',
  'staff.break_bill_no': '账单号',
  'staff.resolution_given_back': '已退给付款人',
  'staff.wait_check_none': '收费单位还没有这天的对账文件，{at}再取。',
  'staff.wait_check_unknown': '没有取到，{at}再取。',
  'staff.notice_break_half': '已收下。这是只含收款或只含退款的账单，另一份也传了才核对这一天。',
  'staff.refused_form': '文件不是收费单位发出的样子：改动过，或格式和登记的不同',
  'event.billing.posting_told_again': '再次通知收费单位',
  'event.billing.check_compared': '收费单位的对账文件核对完毕',
} as const satisfies Record<string, string>
