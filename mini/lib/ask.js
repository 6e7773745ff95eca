const WAIT_MS_MAX = 8_000

/** One question to our own server; undefined without a good answer. Never rejects. */
function ask(wx, url, options) {
  return new Promise(resolve => {
    wx.request({
      url,
      timeout: WAIT_MS_MAX,
      ...options,
      success: answer => resolve(answer.statusCode === 200 ? answer.data : undefined),
      fail: () => resolve(undefined),
    })
  })
}

/** A ticket for the page that is opened next; undefined when WeChat or our server does not answer. */
function signIn(wx, home) {
  return new Promise(resolve => {
    wx.login({
      success: ({ code }) => ask(wx, `${home}/mini/session`, { method: 'POST', data: { code } }).then(answer => resolve(answer?.ticket)),
      fail: () => resolve(undefined),
    })
  })
}

module.exports = { ask, signIn }
