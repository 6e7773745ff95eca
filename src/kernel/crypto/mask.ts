/** What may be shown of personal data. Each mask is total: odd input is hidden, never passed through. */

/** 张三丰 -> 张** */
export const maskName = (name: string): string => {
  const [first] = Array.from(name.trim())
  return first ? `${first}**` : '**'
}

/** 13812345678 -> 138****5678 */
export const maskPhone = (phone: string): string => (/^\d{11}$/.test(phone) ? `${phone.slice(0, 3)}****${phone.slice(7)}` : '****')

/** 110105199001011234 -> 110105********1234 */
export const maskIdNumber = (id: string): string => (/^\d{17}[\dX]$/.test(id) ? `${id.slice(0, 6)}********${id.slice(14)}` : '****')

/** Keeps the estate or street and hides building, unit and door: 青砖一村3幢2单元401 -> 青砖一村*** */
export const maskAddress = (address: string): string => {
  const head = /^[^\d０-９]{2,20}?(?=[\d０-９])/.exec(address)?.[0]
  return head ? `${head}***` : '***'
}
