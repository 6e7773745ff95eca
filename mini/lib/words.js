const zh = {
  title: '缴费和办事',
  scan: '扫账单上的码',
  mine: '我的',
  first: '首页',
  not_ours: '这不是本处账单上的码，没有打开。',
  no_scan: '没有扫到码。',
  paying: '支付',
  pay: '微信支付',
  look: '看结果',
  cancelled: '您没有付，没有扣钱。',
  unsure: '还不知道有没有付成，请看结果，不要重复付。',
  over: '这笔已经付过或者已经取消。',
  away: '暂时连不上，没有扣钱。请过一会儿再试。',
  again: '再试一次',
}
const en = {
  title: 'Bills and services',
  scan: 'Scan the code on a bill',
  mine: 'Mine',
  first: 'Home',
  not_ours: 'This is not the code of a bill of ours; it was not opened.',
  no_scan: 'No code was read.',
  paying: 'Payment',
  pay: 'WeChat Pay',
  look: 'See the result',
  cancelled: 'You did not pay; nothing was charged.',
  unsure: 'We do not know yet whether it was paid. Please look, and do not pay again.',
  over: 'This was paid or cancelled already.',
  away: 'No connection; nothing was charged. Please try again shortly.',
  again: 'Try again',
}

/** Words in the language of the app. */
module.exports = wx => (/^en/i.test(wx.getAppBaseInfo().language || '') ? en : zh)
