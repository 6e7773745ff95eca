/**
 * What the app puts into each page: `WeixinJSBridge`, ready a moment after the page, announced by an event. It hands
 * calls to `wechatApp(params)`, which whoever drives the browser binds to `POST /wallet/bridge`: the page itself may
 * talk to nobody but its own server, in the real app too.
 */
export const BRIDGE_SCRIPT = `(() => {
  const announce = () => setTimeout(() => {
    window.WeixinJSBridge = {
      invoke(method, params, done) {
        // Inside a mini programme there is no wallet: the page can only ask its shell to open one of its own pages.
        if (method === 'invokeMiniProgramAPI' && window.miniApp) return window.miniApp(params).then(() => done({ err_msg: method + ':ok' }))
        if (method !== 'getBrandWCPayRequest' || !window.wechatApp) return done({ err_msg: method + ':fail' })
        window.wechatApp(params).then(done, () => done({ err_msg: 'get_brand_wcpay_request:fail' }))
      },
    }
    document.dispatchEvent(new Event('WeixinJSBridgeReady'))
  }, 50)
  document.addEventListener('DOMContentLoaded', announce, { once: true })
})()`
