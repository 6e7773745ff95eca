/** Starts the wallet inside WeChat. Its answer is only a hint: the next page asks the server whether the money moved. */
interface Bridge {
  invoke(method: string, params: unknown, done: (answer: { err_msg: string }) => void): void
}

const box = document.querySelector<HTMLElement>('[data-jsapi]')
const button = box?.querySelector<HTMLButtonElement>('button')
const w = window as unknown as { WeixinJSBridge?: Bridge }

/** Inside a mini programme the wallet is opened by a page of its shell. */
const askShell = (url: string) => w.WeixinJSBridge?.invoke('invokeMiniProgramAPI', { name: 'navigateTo', arg: { url } }, () => {})

function start(): void {
  if (box?.dataset.shell) {
    askShell(box.dataset.shell)
    return
  }
  const params: unknown = JSON.parse(box?.dataset.jsapi ?? '{}')
  w.WeixinJSBridge?.invoke('getBrandWCPayRequest', params, answer => {
    if (answer.err_msg === 'get_brand_wcpay_request:ok') location.replace(box?.dataset.after ?? '/')
  })
}

if (box && button) {
  button.hidden = false
  button.addEventListener('click', start)
  if (w.WeixinJSBridge) start()
  else document.addEventListener('WeixinJSBridgeReady', start, { once: true })
}

// Before the wallet: the form says that script runs here.
const pay = document.querySelector<HTMLFormElement>('form#pay')
if (pay) {
  const mark = document.createElement('input')
  mark.type = 'hidden'
  mark.name = 'script'
  mark.value = '1'
  pay.append(mark)
  if (pay.classList.contains('go') && /MicroMessenger/.test(navigator.userAgent)) pay.submit()
}

export {}
