// How a text travels: letters outside the alphabet of phones make every part of it shorter.
const basic = new Set("@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà");
const twice = new Set("\f^{}\\[~]|€"); // these take two places

// Of GSM 03.38: 160 in one part, 153 in each of several; else 70 and 67 code units of UTF-16.
export function segments(text: string): { parts: number; isPlain: boolean } {
  let places = 0;
  let isPlain = true;
  for (const letter of text) {
    if (twice.has(letter)) places += 2;
    else if (basic.has(letter)) places++;
    else isPlain = false;
  }
  const size = isPlain ? places : text.length;
  const [one, several] = isPlain ? [160, 153] : [70, 67];
  return { parts: size <= one ? Math.min(1, size) : Math.ceil(size / several), isPlain };
}
