using System.Buffers;
using System.Buffers.Binary;

namespace Yarp.Splice.Tls;

/// <summary>
/// Finds the ClientHello in the first bytes of a connection, however they are cut: into reads, into segments, into TLS records. Never throws,
/// and allocates only what it returns.
/// </summary>
/// <remarks>
/// Each call gets everything that has arrived so far, and goes on where the one before it stopped: record headers are read once, and the message
/// is parsed once, when it is complete. A call in between costs one comparison. As a mutable struct, it must not be copied.
/// </remarks>
internal struct ClientHelloReader
{
    /// <summary>The longest hello, in bytes; a longer one is <see cref="ClientHelloStatus.Malformed"/>.</summary>
    public const int MaxMessage = 64 * 1024;

    /// <summary>The most bytes that are read for a hello: the longest one, its own header, and the headers of its records.</summary>
    public const int MaxBytes = MaxMessage + MessageHeader + (MaxRecords * RecordHeader);

    // Enough for any usual hello in records of one byte, which nobody sends in earnest.
    private const int MaxRecords = 4096;
    private const int MaxRecord = 1 << 14;
    private const int RecordHeader = 5;
    private const int MessageHeader = 4;
    private const byte HandshakeRecord = 22;
    private const byte MajorVersion = 3;
    private const byte ClientHelloMessageType = 1;

    private ClientHelloStatus _status;
    private ClientHello _hello;

    // All offsets are from the first byte of the connection.
    private int _offset;
    private int _needed;
    private int _records;
    private int _recordLeft;
    private int _headerBytes;
    private uint _header;
    private int _messageLeft;

    /// <summary>Looks at what has arrived.</summary>
    /// <param name="bytes">Everything from the first byte of the connection on: what the last call got, and more.</param>
    /// <param name="hello">The hello, if the status is <see cref="ClientHelloStatus.Complete"/>. Bytes that follow it are not looked at.</param>
    public ClientHelloStatus Read(in ReadOnlySequence<byte> bytes, out ClientHello hello)
    {
        if (_status == ClientHelloStatus.NeedMore && bytes.Length >= _needed)
        {
            _status = Advance(bytes);
        }

        hello = _hello;
        return _status;
    }

    private ClientHelloStatus Advance(in ReadOnlySequence<byte> bytes)
    {
        while (true)
        {
            if (_recordLeft == 0 && ReadRecordHeader(bytes) is { } undecided)
            {
                return undecided;
            }

            if (_headerBytes < MessageHeader)
            {
                if (bytes.Length == _offset)
                {
                    return NeedMore(_offset + 1);
                }

                if (!TakeHeaderByte(bytes))
                {
                    return ClientHelloStatus.Malformed;
                }
            }
            else
            {
                // All of the message that this record can hold, at once.
                var piece = Math.Min(_recordLeft, _messageLeft);
                if (bytes.Length < _offset + piece)
                {
                    return NeedMore(_offset + piece);
                }

                _offset += piece;
                _recordLeft -= piece;
                _messageLeft -= piece;
            }

            if (_headerBytes == MessageHeader && _messageLeft == 0)
            {
                return Parse(bytes) ? ClientHelloStatus.Complete : ClientHelloStatus.Malformed;
            }
        }
    }

    /// <summary>
    /// Reads a record's header, in which the minor version means nothing (RFC 8446, section 5.1), and returns <see langword="null"/>; or what
    /// speaks against it, which its first byte can already do.
    /// </summary>
    private ClientHelloStatus? ReadRecordHeader(in ReadOnlySequence<byte> bytes)
    {
        Span<byte> header = stackalloc byte[RecordHeader];
        var available = (int)Math.Min(bytes.Length - _offset, RecordHeader);
        bytes.Slice(_offset, available).CopyTo(header);
        if ((available > 0 && header[0] != HandshakeRecord) || (available > 1 && header[1] != MajorVersion))
        {
            // No other record may come between the parts of a handshake message.
            return _offset == 0 ? ClientHelloStatus.NotTls : ClientHelloStatus.Malformed;
        }

        if (available < RecordHeader)
        {
            return NeedMore(_offset + available + 1);
        }

        int length = BinaryPrimitives.ReadUInt16BigEndian(header[3..]);
        if (length is 0 or > MaxRecord || ++_records > MaxRecords)
        {
            return ClientHelloStatus.Malformed;
        }

        _offset += RecordHeader;
        _recordLeft = length;
        return null;
    }

    /// <summary>Type and length of the message, which may be cut by records as well (RFC 8446, section 4).</summary>
    private bool TakeHeaderByte(in ReadOnlySequence<byte> bytes)
    {
        Span<byte> value = stackalloc byte[1];
        bytes.Slice(_offset, 1).CopyTo(value);
        if (_headerBytes == 0 && value[0] != ClientHelloMessageType)
        {
            return false;
        }

        _header = (_header << 8) | value[0];
        _headerBytes++;
        _offset++;
        _recordLeft--;
        _messageLeft = (int)(_header & 0xffffff);
        return _headerBytes < MessageHeader || _messageLeft <= MaxMessage;
    }

    private ClientHelloStatus NeedMore(int needed)
    {
        _needed = needed;
        return ClientHelloStatus.NeedMore;
    }

    private bool Parse(in ReadOnlySequence<byte> bytes)
    {
        var length = (int)(_header & 0xffffff);
        var isInOneRecord = _offset == RecordHeader + MessageHeader + length;
        if (isInOneRecord && bytes.Slice(_offset - length, length) is { IsSingleSegment: true } message)
        {
            return ClientHelloMessage.TryParse(message.FirstSpan, out _hello);
        }

        var whole = ArrayPool<byte>.Shared.Rent(MessageHeader + length);
        try
        {
            Collect(bytes, whole.AsSpan(0, MessageHeader + length));
            return ClientHelloMessage.TryParse(whole.AsSpan(MessageHeader, length), out _hello);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(whole);
        }
    }

    /// <summary>Puts the contents of the records together; their headers were checked before.</summary>
    private static void Collect(in ReadOnlySequence<byte> bytes, Span<byte> message)
    {
        var reader = new SequenceReader<byte>(bytes);
        while (!message.IsEmpty)
        {
            reader.Advance(RecordHeader - sizeof(ushort));
            _ = reader.TryReadBigEndian(out short length);
            var piece = message[..Math.Min((ushort)length, message.Length)];
            _ = reader.TryCopyTo(piece);
            reader.Advance(piece.Length);
            message = message[piece.Length..];
        }
    }
}
