#!/usr/bin/env escript
%% SPDX-License-Identifier: Apache-2.0
%% Decodes each file with Erlang/OTP megaco, encodes it in the other form and decodes that again.
main(Files) ->
    Bad = lists:sum([check(F) || F <- Files]),
    io:format("~b messages, ~b refused~n", [length(Files), Bad]),
    halt(case Bad of 0 -> 0; _ -> 1 end).

check(File) ->
    {ok, Bin} = file:read_file(File),
    case catch megaco_pretty_text_encoder:decode_message([], dynamic, Bin) of
        {ok, Msg} ->
            {match, [V]} = re:run(Bin, "^(?:MEGACO|!)/([0-9]+)", [{capture, [1], list}]),
            {ok, Enc} = megaco_compact_text_encoder:encode_message([], list_to_integer(V), Msg),
            {ok, _} = megaco_compact_text_encoder:decode_message([], dynamic, Enc),
            0;
        Error ->
            io:format("~s: ~P~n~s~n", [File, Error, 12, Bin]),
            1
    end.
